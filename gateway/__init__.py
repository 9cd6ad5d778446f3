"""The gateway: takes in what arrives, delivers it to the entities, and answers what people and systems ask."""
