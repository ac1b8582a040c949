-- The days on which somebody acted: stopped the drug, gave it again, reduced it.
SELECT course, stop_on AS day FROM pauses WHERE kind = 'held'
UNION
SELECT course, restart_on AS day FROM restarts WHERE kind = 'held'
UNION
SELECT course, day FROM reductions
