"""Application packs: what Howdah knows of an application beyond what both catalogs say."""
