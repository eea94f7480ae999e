"""Specialists that work with a language model: how they think, what they are told, and the trail they leave."""
