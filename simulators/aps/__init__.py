"""A planning system: explodes build schedules, publishes plan versions, is told the cover of its requirements."""
