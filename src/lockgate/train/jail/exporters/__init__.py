"""What `train()` returned, of whatever framework, becomes an ONNX graph and its io.json. Runs in the train jail."""
