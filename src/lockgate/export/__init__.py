"""Evidence in the forms that others read. Pure: values in, bytes out."""
