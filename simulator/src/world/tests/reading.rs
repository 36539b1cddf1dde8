//! What a reader sees: samples, averages, delays and faults of reading.
