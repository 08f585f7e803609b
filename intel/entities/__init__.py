"""Who is who? All evidence and all judgements in, clusters, entities and attributions out."""
