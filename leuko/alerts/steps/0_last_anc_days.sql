-- Step 0. The day of each patient's last ANC, as on the worklist; empty where there is none.
SELECT DISTINCT patient_id, last_anc_on FROM worklist
