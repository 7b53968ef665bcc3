"""From raw outputs to answers: pooling, activations, spans, windows put together."""
