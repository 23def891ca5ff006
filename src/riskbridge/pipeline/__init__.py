"""The one place that knows the order of the stages: phases, their record, their progress, and how a run is resumed."""
