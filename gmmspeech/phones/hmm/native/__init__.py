"""Loops over the nodes of graphs, compiled where the install had a compiler."""
