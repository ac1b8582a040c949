"""Since when each recommendation could be seen, and how long it waited for an answer of the journal.

Table `shown`, carried on from version to version: one row a stretch of versions that said the same of a course (status,
dose, day). `shown_at`: when the load began that first said it (UTC), missing where that was in a version that cannot be
read; `gone_at`: when the load began that no longer said it, missing while it stands. What comes back is a new row.
"""

from collections.abc import Sequence
from datetime import datetime

import duckdb
import pandas

from leuko.audit import GROUPS, Scope

BY = ("all", "site", "clinician")
ENDINGS = ("answered", "open", "changed", "cannot_tell")
COLUMNS = ("by", "group", "recommendations", *ENDINGS, "median_hours", "p90_hours", "open_since")

COURSE = """{0}.patient_id = {1}.patient_id AND {0}.drug IS NOT DISTINCT FROM {1}.drug
    AND {0}.protocol IS NOT DISTINCT FROM {1}.protocol"""
SAME = f"""{COURSE} AND {{0}}.status = {{1}}.status AND {{0}}.dose_mg IS NOT DISTINCT FROM {{1}}.dose_mg
    AND {{0}}.since IS NOT DISTINCT FROM {{1}}.since"""
GONE = f"""
    UPDATE shown SET gone_at = $began
    WHERE gone_at IS NULL AND {{whose}}
        AND NOT EXISTS (SELECT 1 FROM worklist AS now WHERE {SAME.format('shown', 'now')})
"""
COME = f"""
    INSERT INTO shown
    SELECT patient_id, drug, protocol, status, dose_mg, since, CAST($began AS TIMESTAMP), NULL
    FROM worklist AS now
    WHERE {{whose}} AND NOT EXISTS (
        SELECT 1 FROM shown AS earlier WHERE earlier.gone_at IS NULL AND {SAME.format('earlier', 'now')}
    )
"""
BEGUN = """
    CREATE OR REPLACE TABLE shown AS
    SELECT
        patient_id, drug, protocol, status, dose_mg, since, CAST($began AS TIMESTAMP) AS shown_at,
        CAST(NULL AS TIMESTAMP) AS gone_at
    FROM worklist
"""
RETURNED = f"""
    SELECT now.patient_id, coalesce(now.drug, ''), coalesce(now.protocol, ''), now.shown_at
    FROM shown AS now
    WHERE now.gone_at IS NULL AND list_contains($patients, now.patient_id)
        AND EXISTS (
            SELECT 1 FROM shown AS earlier WHERE earlier.gone_at IS NOT NULL AND {SAME.format('earlier', 'now')}
        )
"""
# As `leuko.journal.key` writes it.
RECOMMENDATION = """shown.status || ', ' || coalesce(format('{:g}', CAST(shown.dose_mg AS DOUBLE)), 'no dose')
    || ', since ' || coalesce(strftime(shown.since, '%Y-%m-%d'), 'not known')"""
ENDED = f"""
    WITH stretches AS (
        SELECT
            shown.patient_id, coalesce(shown.drug, '') AS drug, coalesce(shown.protocol, '') AS protocol,
            {RECOMMENDATION} AS recommendation, shown.shown_at, shown.gone_at, patients.site, patients.clinician
        FROM shown
        JOIN statuses ON statuses.status = shown.status AND statuses.asks = 'yes'
        LEFT JOIN patients ON patients.patient_id = shown.patient_id
        WHERE ($sites IS NULL OR list_contains($sites, patients.site))
            AND ($site IS NULL OR list_contains($site, coalesce(patients.site, '')))
            AND ($clinician IS NULL OR list_contains($clinician, coalesce(patients.clinician, '')))
            AND ($drug IS NULL OR list_contains($drug, coalesce(shown.drug, '')))
            AND ($diagnosis IS NULL OR list_contains($diagnosis, coalesce(patients.diagnosis, '')))
            AND ($start IS NULL OR CAST(shown.shown_at AS DATE) >= $start)
            AND ($end IS NULL OR CAST(shown.shown_at AS DATE) <= $end)
    ),

    -- An answer is to the stretch that had begun last when it was given; before them all, to the first.
    placed AS (
        SELECT
            *, row_number() OVER same AS place,
            lead(shown_at, 1, TIMESTAMP 'infinity') OVER same AS next_at
        FROM stretches
        WINDOW same AS (PARTITION BY patient_id, drug, protocol, recommendation ORDER BY shown_at NULLS FIRST)
    ),

    answered AS (
        SELECT placed.*, min(answers.answered_at) AS answered_at
        FROM placed
        LEFT JOIN answers
            ON answers.patient_id = placed.patient_id AND answers.drug = placed.drug
            AND answers.protocol = placed.protocol AND answers.recommendation = placed.recommendation
            AND (placed.place = 1 OR answers.answered_at >= placed.shown_at) AND answers.answered_at < placed.next_at
        GROUP BY ALL
    ),

    ended AS (
        SELECT
            site, clinician, shown_at,
            CASE WHEN answered_at >= shown_at THEN 'answered'
                WHEN answered_at IS NOT NULL THEN 'cannot_tell'
                WHEN gone_at IS NULL THEN 'open'
                ELSE 'changed' END AS ending,
            CASE WHEN answered_at >= shown_at THEN date_diff('second', shown_at, answered_at) // 3600 END AS hours
        FROM answered
    )
"""
COUNTED = """
    SELECT
        '{by}' AS "by", {group} AS "group", count(*) AS recommendations,
        count(*) FILTER (WHERE ending = 'answered') AS answered, count(*) FILTER (WHERE ending = 'open') AS open,
        count(*) FILTER (WHERE ending = 'changed') AS changed,
        count(*) FILTER (WHERE ending = 'cannot_tell') AS cannot_tell,
        quantile_disc(hours, 0.5) AS median_hours, quantile_disc(hours, 0.9) AS p90_hours,
        min(shown_at) FILTER (WHERE ending = 'open') AS open_since
    FROM ended
    GROUP BY ALL
"""


def begin(con: duckdb.DuckDBPyConnection, began: datetime | None) -> None:
    """Write `shown` of a version; `began`: when its load did (UTC), None: what it shows may have been seen before."""
    con.execute(BEGUN, {"began": began})


def carry_on(con: duckdb.DuckDBPyConnection, began: datetime, *, others_stand: bool) -> None:
    """Write `shown` of a version whose load began at `began` (UTC), on from that of the version `before`.

    `others_stand`: `con` holds a copy of that one, and only what it says of those in `anew.touched` may be another.
    """
    if not others_stand:
        con.execute("CREATE OR REPLACE TABLE shown AS FROM before.shown")
    whose = "patient_id IN (FROM anew.touched)" if others_stand else "true"
    for statement in (GONE, COME):
        con.execute(statement.format(whose=whose), {"began": began})


def returned(cursor: duckdb.DuckDBPyConnection, patients: Sequence[str]) -> dict[tuple[str, str, str], datetime]:
    """Since when what stands has come back (UTC, without a zone), by patient, drug and protocol.

    Only of those courses of these patients that said the same before, and something else in between.
    """
    rows = cursor.execute(RETURNED, {"patients": list(patients)}).fetchall()
    return {(patient, drug, protocol): shown_at for patient, drug, protocol, shown_at in rows}


def waited(
    cursor: duckdb.DuckDBPyConnection, answers: pandas.DataFrame, scope: Scope, sites: tuple[str, ...] | None
) -> pandas.DataFrame:
    """How long recommendations that ask for something waited, together and by site and clinician (columns: COLUMNS).

    `answers` is the frame of `leuko.journal.Journal.answers`. Each recommendation ends in one of four ways: answered;
    open; changed by new data before an answer; cannot_tell: answered, and nobody knows since when it could be seen.
    `median_hours` and `p90_hours` are the lowest number of whole hours within which at least half, or nine in ten, of
    the answered were answered, None without any; `open_since` is when the oldest open one could first be seen (UTC).
    Together is a row of its own, also of nothing. Site and clinician are those of the patient. `scope.start` and
    `scope.end` are days of `shown_at`.
    """
    counted = " UNION ALL ".join(COUNTED.format(by=by, group=GROUPS[by]) for by in BY)
    given = {"sites": None if sites is None else list(sites), **scope.parameters()}
    cursor.register("answers", answers)
    try:
        found = cursor.execute(f'{ENDED} {counted} ORDER BY "by", "group"', given).df()
    finally:
        cursor.unregister("answers")
    return found[list(COLUMNS)]
