//! Made-up traffic of the size and shape of one province's, with the truth about it.
