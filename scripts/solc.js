#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// The npm `solc` behind the command line of the native one: the part of it that py-solc-x, ape-solidity and
// crytic-compile (Slither) use. Installed by `python -m lockstep.chain.compiler --install`.
//
//   solc --version
//   solc --standard-json [FILE] [--base-path DIR] [--include-path DIR]… [--allow-paths LIST]
//   solc FILE… --combined-json abi,bin,… [--optimize] [--optimize-runs N] [--via-ir] [--evm-version V] [prefix=target]…
//
// and one of its own, for a caller with much to compile (tests/mutation): the compiler is loaded once, each line of
// standard input names a file with a standard JSON input, whose answer goes to FILE.answer; then the line is echoed.
//
//   solc --serve [--base-path DIR] [--include-path DIR]…
"use strict";

const fs = require("fs");
const path = require("path");

const FLAGS = new Set(["--version", "--standard-json", "--serve", "--optimize", "--via-ir", "--no-cbor-metadata"]);
const OPTIONS = new Set([
  "--combined-json", "--base-path", "--include-path", "--allow-paths",
  "--optimize-runs", "--evm-version", "--metadata-hash",
]);

// --combined-json's names → standard JSON's.
const OUTPUTS = {
  abi: "abi",
  bin: "evm.bytecode.object",
  "bin-runtime": "evm.deployedBytecode.object",
  srcmap: "evm.bytecode.sourceMap",
  "srcmap-runtime": "evm.deployedBytecode.sourceMap",
  hashes: "evm.methodIdentifiers",
  metadata: "metadata",
  userdoc: "userdoc",
  devdoc: "devdoc",
  "storage-layout": "storageLayout",
};

function fail(message) {
  process.stderr.write(`Error: ${message}\n`);
  process.exit(1);
}

function parseArguments(words) {
  const given = { files: [], remappings: [], "--include-path": [] };
  for (let i = 0; i < words.length; i++) {
    const [word, attached] = words[i].startsWith("--") ? words[i].split(/=(.*)/s) : [words[i]];
    if (FLAGS.has(word)) given[word] = true;
    else if (OPTIONS.has(word)) {
      const value = attached ?? words[++i];
      if (value === undefined) fail(`${word} needs a value`);
      if (word === "--include-path") given[word].push(value);
      else given[word] = value;
    } else if (word.startsWith("--")) fail(`unrecognised option '${word}'`);
    else if (word.includes("=")) given.remappings.push(word);
    else given.files.push(word);
  }
  return given;
}

// Where the native compiler looks for a source unit: base path, then include paths.
function reader(given) {
  const roots = [given["--base-path"] ?? "", ...given["--include-path"]];
  return (name) => {
    for (const root of roots) {
      const candidate = root ? path.join(root, name) : name;
      if (fs.existsSync(candidate)) return { contents: fs.readFileSync(candidate, "utf8") };
    }
    return { error: `File not found: ${name}` };
  };
}

function sourceUnitName(file, given) {
  const absolute = path.resolve(file);
  for (const root of [given["--base-path"] || ".", ...given["--include-path"]]) {
    const relative = path.relative(path.resolve(root), absolute);
    if (!relative.startsWith("..") && !path.isAbsolute(relative)) return relative;
  }
  return absolute;
}

function combinedJson(solc, given) {
  const wanted = given["--combined-json"].split(",");
  const sources = {};
  for (const file of given.files) {
    sources[sourceUnitName(file, given)] = { content: fs.readFileSync(file, "utf8") };
  }
  const settings = {
    remappings: given.remappings,
    optimizer: { enabled: Boolean(given["--optimize"]), runs: Number(given["--optimize-runs"] ?? 200) },
    viaIR: Boolean(given["--via-ir"]),
    metadata: {
      bytecodeHash: given["--metadata-hash"] ?? "ipfs",
      appendCBOR: !given["--no-cbor-metadata"],
    },
    outputSelection: {
      "*": { "": ["ast"], "*": wanted.filter((name) => name in OUTPUTS).map((name) => OUTPUTS[name]) },
    },
  };
  if (given["--evm-version"]) settings.evmVersion = given["--evm-version"];
  const input = JSON.stringify({ language: "Solidity", sources, settings });
  const output = JSON.parse(solc.compile(input, { import: reader(given) }));

  const messages = output.errors ?? [];
  for (const message of messages) process.stderr.write(message.formattedMessage + "\n");
  if (messages.some((message) => message.severity === "error")) process.exit(1);

  const units = Object.entries(output.sources).sort(([, a], [, b]) => a.id - b.id);
  const result = {
    contracts: {},
    sourceList: units.map(([name]) => name),
    sources: Object.fromEntries(units.map(([name, unit]) => [name, { AST: unit.ast }])),
    version: solc.version(),
  };
  for (const [unit, contracts] of Object.entries(output.contracts ?? {})) {
    for (const [name, contract] of Object.entries(contracts)) {
      const entry = (result.contracts[`${unit}:${name}`] = {});
      for (const key of wanted) {
        if (key in OUTPUTS) entry[key] = OUTPUTS[key].split(".").reduce((at, step) => at?.[step], contract) ?? "";
      }
    }
  }
  return JSON.stringify(result);
}

function serve(solc, given) {
  const lines = require("readline").createInterface({ input: process.stdin });
  lines.on("line", (file) => {
    const answer = solc.compile(fs.readFileSync(file, "utf8"), { import: reader(given) });
    fs.writeFileSync(`${file}.answer`, answer);
    fs.writeSync(1, file + "\n");
  });
}

const given = parseArguments(process.argv.slice(2));
const solc = require("solc");
let answer;
if (given["--serve"]) {
  serve(solc, given);
} else if (given["--version"]) {
  answer = `solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`;
} else if (given["--standard-json"]) {
  const input = fs.readFileSync(given.files.length && given.files[0] !== "-" ? given.files[0] : 0, "utf8");
  answer = solc.compile(input, { import: reader(given) });
} else if (given["--combined-json"] && given.files.length) {
  answer = combinedJson(solc, given);
} else {
  fail("expected --version, --standard-json, or files with --combined-json");
}
if (answer !== undefined) fs.writeSync(1, answer + "\n");
