"""The labelling station: one component that plays clips, takes keys and answers, and loses none."""
