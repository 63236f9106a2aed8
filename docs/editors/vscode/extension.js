// Starts `backstage-py lsp` and hands what is edited over to it; all that is known about templates is there.
"use strict";

const path = require("node:path");
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

const NAME = "backstage-py";
const FIX_ALL = "source.fixAll.backstage-py";

let client;

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand(`${NAME}.restart`, restart),
    vscode.commands.registerCommand(`${NAME}.fixFile`, fixFile),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (["path", "arguments", "skeletons"].some((key) => event.affectsConfiguration(`${NAME}.${key}`))) {
        return restart();
      }
    }),
  );
  await start();
}

async function deactivate() {
  await client?.stop();
  client = undefined;
}

async function start() {
  const server = serverOptions();
  client = new LanguageClient(NAME, "Backstage templates", server, clientOptions());
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    await explain(server.command, error);
  }
}

async function restart() {
  await deactivate();
  await start();
}

function fixFile() {
  return vscode.commands.executeCommand("editor.action.codeAction", { kind: FIX_ALL, apply: "ifSingle" });
}

/** The program with its arguments; a relative path starts at the first folder of the workspace. */
function serverOptions() {
  const settings = vscode.workspace.getConfiguration(NAME);
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const named = settings.get("path");
  const isRelative = named.includes("/") && !path.isAbsolute(named);
  const command = isRelative && folder ? path.join(folder, named) : named;
  return { command, args: settings.get("arguments"), options: folder ? { cwd: folder } : {} };
}

/** Templates and catalog files are YAML; files of skeletons are anything. */
function clientOptions() {
  const all = vscode.workspace.getConfiguration(NAME).get("skeletons");
  const files = all ? { scheme: "file" } : { scheme: "file", language: "yaml" };
  return { documentSelector: [files, { scheme: "untitled", language: "yaml" }] };
}

async function explain(command, error) {
  const open = "Open Settings";
  const chosen = await vscode.window.showErrorMessage(
    `"${command}" does not start (${error.message ?? error}). Install backstage-py, or name the program in the settings.`,
    open,
  );
  if (chosen === open) {
    await vscode.commands.executeCommand("workbench.action.openSettings", `${NAME}.path`);
  }
}

module.exports = { activate, deactivate };
