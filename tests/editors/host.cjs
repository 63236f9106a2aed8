// Loads the packed extension as VS Code would, with stand-ins for the editor and for the client, and prints what it asks for.
"use strict";

const Module = require("node:module");

const settings = { path: process.env.NAMED ?? "backstage-py", arguments: ["lsp"], skeletons: process.env.SKELETONS !== "no" };
const seen = { started: [], stopped: 0, commands: [], messages: [], executed: [] };
const commands = {};

class LanguageClient {
  constructor(id, name, server, options) {
    Object.assign(this, { id, name, server, options });
  }
  async start() {
    seen.started.push({ id: this.id, server: this.server, options: this.options });
    if (process.env.FAILS) throw new Error("spawn ENOENT");
  }
  async stop() {
    seen.stopped += 1;
  }
}

const vscode = {
  commands: {
    registerCommand: (name, run) => ((commands[name] = run), seen.commands.push(name), { dispose() {} }),
    executeCommand: async (...given) => seen.executed.push(given),
  },
  window: { showErrorMessage: async (message, ...items) => (seen.messages.push(message), items[0]) },
  workspace: {
    getConfiguration: () => ({ get: (key) => settings[key] }),
    onDidChangeConfiguration: (run) => ((vscode.changed = run), { dispose() {} }),
    workspaceFolders: [{ uri: { fsPath: "/project" } }],
  },
};

const load = Module._load;
Module._load = function (request, ...rest) {
  if (request === "vscode") return vscode;
  if (request === "vscode-languageclient/node") return { LanguageClient };
  return load.call(this, request, ...rest);
};

const extension = require(process.argv[2]);

(async () => {
  await extension.activate({ subscriptions: [] });
  await commands["backstage-py.fixFile"]();
  await vscode.changed({ affectsConfiguration: (key) => key === "backstage-py.path" });
  await vscode.changed({ affectsConfiguration: () => false });
  await extension.deactivate();
  process.stdout.write(JSON.stringify(seen));
})();
