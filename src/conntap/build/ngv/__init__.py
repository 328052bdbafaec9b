"""Neurons, glia and vessels together: vessels, astrocytes, domains, endfeet, synapses, morphologies, touches."""
