import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { NbdConnection } from './connection.js'
import type { NbdExport } from './export.js'

/** Serves one export at a Unix socket. Who may reach it, the folder it lies in decides. */
export class NbdServer {
  private readonly sockets = new Set<Socket>()
  private readonly server: Server

  private constructor(disk: NbdExport) {
    this.server = createServer((socket) => {
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket))
      void new NbdConnection(socket, disk).serve()
    })
  }

  /** @param path of the socket; must not exist */
  static async listen(disk: NbdExport, path: string): Promise<NbdServer> {
    const server = new NbdServer(disk)
    server.server.listen(path)
    await once(server.server, 'listening')
    return server
  }

  /** Cuts off every client and takes the socket away. */
  async close(): Promise<void> {
    const closed = once(this.server, 'close')
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
    await closed
  }
}
