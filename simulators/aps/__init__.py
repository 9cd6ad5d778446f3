"""A planning system: explodes build schedules, publishes plan versions, is told the coverage of its requirements."""
