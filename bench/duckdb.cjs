// Queries over the gzip files below a folder, on one thread: what a user has today.
//   node duckdb.cjs KIND DIR             one GROUP BY; prints {"cpu_seconds", "rows"}
//   node duckdb.cjs rules DIR RULES.sql  rules as SQL over the CloudTrail files; prints {"cpu_seconds", "counts"}
const { readFileSync, readdirSync } = require('node:fs');
const { join } = require('node:path');
const { DuckDBInstance } = require('@duckdb/node-api');

function files(folder) {
  return readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.gz')).map((name) => join(folder, name)).sort();
}

const list = (paths) => '[' + paths.map((path) => `'${path.replaceAll("'", "''")}'`).join(',') + ']';
const queries = {
  cloudtrail: (paths) =>
    `select r.eventSource, r.eventName, r.errorCode, count(*) from (select unnest(Records) as r from read_json(${list(paths)}, ` +
    `columns={Records: 'STRUCT(eventSource VARCHAR, eventName VARCHAR, errorCode VARCHAR, userIdentity STRUCT(arn VARCHAR))[]'}, ` +
    `maximum_object_size=100000000)) group by all`,
  vpcflow: (paths) =>
    `select srcaddr, sum(bytes) from read_csv(${list(paths)}, delim=' ', header=true, nullstr='-', columns={'version': 'INTEGER', ` +
    `'account-id': 'VARCHAR', 'interface-id': 'VARCHAR', srcaddr: 'VARCHAR', dstaddr: 'VARCHAR', srcport: 'INTEGER', ` +
    `dstport: 'INTEGER', protocol: 'INTEGER', packets: 'BIGINT', bytes: 'BIGINT', 'start': 'BIGINT', 'end': 'BIGINT', ` +
    `action: 'VARCHAR', 'log-status': 'VARCHAR'}) group by all`,
  dns: (paths) =>
    `select query_name, rcode, count(*) from read_json(${list(paths)}, format='newline_delimited', ` +
    `columns={query_name: 'VARCHAR', rcode: 'VARCHAR', srcaddr: 'VARCHAR'}) group by all`,
};

// The columns that generate_rules.py asks for.
const events = (paths) =>
  `with events as (select unnest(r) from (select unnest(Records) as r from read_json(${list(paths)}, columns={Records: ` +
  `'STRUCT(eventSource VARCHAR, eventName VARCHAR, errorCode VARCHAR, userAgent VARCHAR, userIdentity STRUCT("type" VARCHAR, arn VARCHAR), ` +
  `requestParameters JSON)[]'}, maximum_object_size=100000000))) `;

async function main() {
  const [kind, folder, sql] = process.argv.slice(2);
  const connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  const begin = process.cpuUsage();
  const query = kind === 'rules' ? events(files(folder)) + readFileSync(sql, 'utf8') : queries[kind](files(folder));
  const read = await connection.runAndReadAll(query);
  const used = process.cpuUsage(begin);
  const told = kind === 'rules'
    ? { counts: Object.fromEntries(Object.entries(read.getRowObjects()[0]).map(([name, count]) => [name, Number(count)])) }
    : { rows: read.currentRowCount };
  console.log(JSON.stringify({ cpu_seconds: (used.user + used.system) / 1e6, ...told }));
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
