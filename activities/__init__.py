"""What workflows have done outside themselves: one class a counterpart, some ten lines a method."""
