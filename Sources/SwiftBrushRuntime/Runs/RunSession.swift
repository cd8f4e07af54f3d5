import Foundation
import Synchronization
import Tensor

/// A process's state for the run that it works on: the lock on its folder, and the intact and damaged checkpoints.
final class RunSession: Sendable {
    struct State {
        var lock: FolderLock?
        /// Checkpoints that were written or verified by this process, the oldest first.
        var whole: [URL] = []
        /// Checkpoints that were found damaged.
        var damaged: [URL] = []
    }

    let state = Mutex(State())
    private let temporaryFolder: URL?

    /// A session whose temporary folder, if it has one, is removed with it.
    init(temporaryFolder: URL? = nil) { self.temporaryFolder = temporaryFolder }

    deinit {
        if let temporaryFolder { try? FileManager.default.removeItem(at: temporaryFolder) }
    }
}
