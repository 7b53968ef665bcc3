"""The graph whose layers are one operator of `edgebert-native`, made of a quantized graph."""
