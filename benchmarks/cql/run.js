// Who of the patients in a file needs a hold on a day, asked a patient at a time, and what the asking cost.
//
//     node run.js PATIENTS.json 2025-01-01

const { readFileSync } = require("node:fs");
const cql = require("cql-execution");

async function main(file, day) {
  const patients = new cql.PatientSource(JSON.parse(readFileSync(file, "utf8")));
  const executor = new cql.Executor(new cql.Library(require("./hold.json")), null, { "As of": cql.DateTime.parse(day) });
  const [started, used] = [performance.now(), process.cpuUsage()];
  const { patientResults } = await executor.exec_expression("Needs a hold", patients);
  const [seconds, { user, system }] = [(performance.now() - started) / 1e3, process.cpuUsage(used)];
  const hold = Object.keys(patientResults).filter((id) => patientResults[id]["Needs a hold"]);
  console.log(JSON.stringify({ hold, seconds, processor: (user + system) / 1e6 }));
}

main(...process.argv.slice(2));
