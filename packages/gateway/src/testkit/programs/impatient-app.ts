/**
 * An HTTP app that closes connections idle for `idleMs` after an answer, as Node does after five seconds; a new one may take its
 * time. Arguments: address, port, idleMs.
 * Prints "ready", then the method of every request it answers.
 */
import net from "node:net";

const [address = "127.0.0.1", port = "3000", idleMs = "10"] = process.argv.slice(2);

const server = net.createServer((socket) => {
  socket.on("timeout", () => socket.destroy());
  socket.on("error", () => undefined);
  socket.on("data", (bytes) => {
    const [method = ""] = bytes.toString("latin1").split(" ");
    if (!/^[A-Z]+$/.test(method)) return;
    process.stdout.write(`${method}\n`);
    socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok");
    socket.setTimeout(Number(idleMs));
  });
});
server.listen(Number(port), address, () => process.stdout.write("ready\n"));
