import { createServer } from "node:http";

/*
 * Stands for the model of an agent: has it run the command it was started with, and then answers with what that printed. It speaks
 * Anthropic's Messages API and OpenAI's Responses API, both as streams of events.
 */

const [command = "true"] = process.argv.slice(2);

const textOf = (content) => (typeof content === "string" ? content : content.map(({ text }) => text).join(""));

/** What the agent says the command printed, in either API. */
function outputIn({ messages, input }) {
  const blocks = messages?.flatMap(({ content }) => content) ?? input;
  const result = blocks.find(({ type }) => type === "tool_result" || type === "function_call_output");
  return result === undefined ? undefined : textOf(result.content ?? result.output);
}

function* messageEvents(output) {
  const [block, delta] =
    output === undefined
      ? [
          { type: "tool_use", id: "toolu_1", name: "Bash", input: {} },
          { type: "input_json_delta", partial_json: JSON.stringify({ command, description: "Run it" }) },
        ]
      : [
          { type: "text", text: "" },
          { type: "text_delta", text: output },
        ];
  const usage = { input_tokens: 1, output_tokens: 1 };
  const message = { id: "msg_1", type: "message", role: "assistant", model: "stand-in", content: [], usage };
  yield { type: "message_start", message };
  yield { type: "content_block_start", index: 0, content_block: block };
  yield { type: "content_block_delta", index: 0, delta };
  yield { type: "content_block_stop", index: 0 };
  const stopReason = output === undefined ? "tool_use" : "end_turn";
  yield { type: "message_delta", delta: { stop_reason: stopReason, stop_sequence: null }, usage };
  yield { type: "message_stop" };
}

function* responseEvents(output) {
  const item =
    output === undefined
      ? { type: "function_call", call_id: "call_1", name: "exec_command", arguments: JSON.stringify({ cmd: command }) }
      : { type: "message", role: "assistant", id: "msg_1", content: [{ type: "output_text", text: output }] };
  const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
  yield { type: "response.created", response: { id: "resp_1" } };
  yield { type: "response.output_item.done", output_index: 0, item };
  yield { type: "response.completed", response: { id: "resp_1", usage } };
}

/** Whatever is asked besides, such as which models there are, is not found. */
async function answer(request, response) {
  const chunks = await request.toArray();
  if (request.method !== "POST") {
    response.writeHead(404).end("{}");
    return;
  }
  const events = request.url.includes("/messages") ? messageEvents : responseEvents;
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const event of events(outputIn(JSON.parse(Buffer.concat(chunks).toString()))))
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  response.end();
}

createServer((request, response) => void answer(request, response)).listen(4000, "127.0.0.1");
