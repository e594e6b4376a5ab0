"""Sound in: decoding with checks, peaks for waveforms, levels."""
