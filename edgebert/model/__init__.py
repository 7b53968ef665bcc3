"""The torch encoder: typed blocks, one frozen configuration, pooling."""
