// Formats Lua files as stylua.toml says, or with --check names those that are not formatted so.
//
//     node tests/lint/stylua.mjs FOLDER_OF_NODE_MODULES [--check] FILE ...
//
// npm has stylua as a library for WebAssembly, which runs wherever Node does, and not as a program.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import process from "node:process";

const [modules, ...rest] = process.argv.slice(2);
const isCheck = rest[0] === "--check";
const files = isCheck ? rest.slice(1) : rest;
const stylua = createRequire(resolve(modules, "package.json"))("@johnnymorganz/stylua");

const KINDS = {
    syntax: stylua.LuaVersion,
    line_endings: stylua.LineEndings,
    indent_type: stylua.IndentType,
    quote_style: stylua.QuoteStyle,
    call_parentheses: stylua.CallParenType,
    collapse_simple_statement: stylua.CollapseSimpleStatement,
};

function configuration() {
    const config = stylua.Config.new();
    for (const line of readFileSync("stylua.toml", "utf8").split("\n").filter((line) => /^[^#\s]/.test(line))) {
        const [, name, word, number] = /^(\w+) = (?:"(\w+)"|(\d+))$/.exec(line) ?? [];
        const value = number ? Number(number) : KINDS[name]?.[word];
        // An unknown name would otherwise become one more field of the object, and be of no effect.
        if (value === undefined || !(name in config)) {
            throw new Error(`stylua.toml: what is ${line}?`);
        }
        config[name] = value;
    }
    return config;
}

let failures = 0;
for (const file of files) {
    const text = readFileSync(file, "utf8");
    let formatted;
    try {
        formatted = stylua.formatCode(text, configuration(), undefined, stylua.OutputVerification.Full);
    } catch (error) {
        console.error(`${file}: ${error.message ?? error}`);
        failures += 1;
        continue;
    }
    if (formatted === text) {
        continue;
    }
    if (isCheck) {
        const lines = formatted.split("\n");
        const first = text.split("\n").findIndex((line, index) => line !== lines[index]);
        console.error(`${file}:${first + 1}: is not formatted; \`make format\` does it`);
        failures += 1;
    } else {
        writeFileSync(file, formatted);
        console.log(`${file}: formatted`);
    }
}
process.exitCode = failures > 0 ? 1 : 0;
