-- The texts that each protocol rests on, with what is quoted from them.
FROM protocol_sources
ORDER BY protocol, line
