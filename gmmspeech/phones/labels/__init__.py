"""Labels, phone sets, dictionaries, segments."""
