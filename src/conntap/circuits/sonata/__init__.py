"""SONATA on disk: configuration, structure, properties, edges by index, and writing."""
