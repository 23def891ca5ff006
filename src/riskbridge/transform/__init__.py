"""Raw rows to drafts of the target model: a map is data, compiled to one expression a stream."""
