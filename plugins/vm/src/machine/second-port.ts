/**
 * The machine's second serial port, ttyS1. A getty takes the first for itself, and
 * what others say there may be lost; on the second a guest can report in peace.
 */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'

export class SecondPort {
  private readonly sockets = new Set<Socket>()

  private readonly server: Server

  private constructor(server: Server) {
    this.server = server
  }

  /** Waits for QEMU at a Unix socket; it must do so before QEMU starts. */
  static async listen(path: string, onBytes: (bytes: Buffer) => void): Promise<SecondPort> {
    const server = createServer()
    const port = new SecondPort(server)
    server.on('connection', (socket) => {
      port.sockets.add(socket)
      socket
        .on('data', onBytes)
        .on('error', () => {})
        .on('close', () => port.sockets.delete(socket))
    })
    server.listen(path)
    await once(server, 'listening')
    return port
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close')
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
    await closed
  }
}
