"""A lane for each label over a player: the segments of a recording, with one playhead through all."""
