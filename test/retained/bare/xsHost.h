/* In place of XS's. */
