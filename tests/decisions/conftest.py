"""Rules are pure: nothing is started for these tests, and what they draw at random is one seed for mutation testing."""

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "mutants",
    derandomize=True,
    max_examples=40,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # a mutant is dead at the first failure, however large the example
    suppress_health_check=list(HealthCheck),
)
