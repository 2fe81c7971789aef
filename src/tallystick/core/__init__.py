"""What billing is.  Pure, synchronous, standard library only: values in, values out."""
