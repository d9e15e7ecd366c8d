"""Loops over the nodes of graphs, compiled if a compiler was available at installation."""
