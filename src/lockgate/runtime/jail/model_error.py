"""What a model, or the features before it, did other than its io.json says."""


class ModelError(Exception):
    """The model does not do what its io.json says; the message names the input, output or column, and no value."""
