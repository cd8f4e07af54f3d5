import Foundation
import Synchronization

#if THREAD_SANITIZER
    /// A value guarded by a lock that ThreadSanitizer recognises. On Linux it does not recognise `Mutex`, which waits by direct
    /// system calls, and reports every use of one. Only `Scripts/check-threads` builds this.
    package final class Lock<Value>: @unchecked Sendable {
        private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private var value: Value

        package init(_ value: Value) {
            self.value = value
            pthread_mutex_init(mutex, nil)
        }

        deinit {
            pthread_mutex_destroy(mutex)
            mutex.deallocate()
        }

        /// Calls `body` while no other thread does.
        package func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
            pthread_mutex_lock(mutex)
            defer { pthread_mutex_unlock(mutex) }
            return try body(&value)
        }
    }
#else
    /// A value that only one thread at a time reads or writes.
    package typealias Lock<Value> = Mutex<Value>
#endif
