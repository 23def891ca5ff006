"""Questions in QQL: parse a query, check its tokens, compile it to one expression over a view of the warehouse."""
