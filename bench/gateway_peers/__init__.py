"""The servers that the gateway is measured beside, as their documents show them: one file each, no control added.

Each takes MODEL.onnx and PORT, runs in an environment of its own, and answers one model with one worker process.
"""
