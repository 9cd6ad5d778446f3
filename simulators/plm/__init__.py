"""A product data system: keeps engineering's change notices and publishes each as a revision of a bill of material."""
