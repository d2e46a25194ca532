"""One call's journey: endpoint, pool, stream decoding, fault classification, time limits, embedded model."""
