#if MPI
    internal import CSwiftBrushMPI
    import Foundation
    import Synchronization
    import Tensor

    /// The processes that MPI's launcher, `mpirun` or Slurm's `srun`, has started together.
    struct MPIProcesses: ProcessGroup {
        let rank: Int
        let count: Int
        /// The number of processes on this host.
        let countOnHost: Int

        /// All processes; MPI is started when it is first read.
        static let all = Result { try MPIProcesses() }

        private init() throws {
            var (rank, count, rankOnHost, countOnHost) = (Int32(0), Int32(1), Int32(0), Int32(1))
            try Self.check(brush_mpi_start(&rank, &count, &rankOnHost, &countOnHost), "start")
            (self.rank, self.count, self.countOnHost) = (Int(rank), Int(count), Int(countOnHost))
        }

        func exchange(_ tensor: Tensor, counts: [Int]) throws -> (tensor: Tensor, counts: [Int]) {
            require(
                counts.count == count && counts.reduce(0, +) == tensor.count,
                "exchange: expected \(tensor.count) elements for \(count) processes, found \(counts)")
            let sent = counts.map { Int32($0) }
            var received = [Int32](repeating: 0, count: count)
            try Self.check(brush_mpi_exchange_counts(sent, &received), "exchange")
            let result = try Tensor(shape: [received.reduce(0) { $0 + Int($1) }]) { buffer in
                try tensor.withUnsafeScalars { scalars in
                    try Self.check(
                        brush_mpi_exchange_floats(
                            scalars.baseAddress, sent, Self.offsets(sent), buffer.baseAddress, received,
                            Self.offsets(received)), "exchange")
                }
            }
            return (result, received.map { Int($0) })
        }

        func gather(_ tensor: inout Tensor, counts: [Int]) throws {
            require(
                counts.count == count && counts.reduce(0, +) == tensor.count,
                "gather: expected \(tensor.count) elements of \(count) processes, found \(counts)")
            let counts = counts.map { Int32($0) }
            // Other counts in another process would end up as other numbers. Sent right away, without these few bytes, the numbers would also take
            // some 40 ms longer by TCP with Open MPI.
            var found = [Int32](repeating: 0, count: count)
            try Self.check(brush_mpi_gather_counts(counts[rank], &found), "gather")
            guard found == counts else {
                throw ProcessError.communication("gather: expected \(counts) elements of the processes, found \(found)")
            }
            try tensor.withUnsafeMutableScalars {
                try Self.check(brush_mpi_gather_floats($0.baseAddress, counts, Self.offsets(counts)), "gather")
            }
        }

        func gather(_ bytes: Data) throws -> [Data] {
            var counts = [Int32](repeating: 0, count: count)
            try Self.check(brush_mpi_gather_counts(Int32(bytes.count), &counts), "gather")
            let offsets = Self.offsets(counts)
            var all = [UInt8](repeating: 0, count: counts.reduce(0) { $0 + Int($1) })
            try [UInt8](bytes).withUnsafeBufferPointer { own in
                try Self.check(
                    brush_mpi_gather_bytes(own.baseAddress, Int32(bytes.count), &all, counts, offsets), "gather")
            }
            return zip(counts, offsets).map { Data(all[Int($1)..<Int($1) + Int($0)]) }
        }

        func setComputing(_ isComputing: Bool) { brush_mpi_set_computing(isComputing ? 1 : 0) }

        /// Ends MPI; all processes call it.
        func finish() throws { try Self.check(brush_mpi_finish(), "finish") }

        /// Ends all processes.
        func abort() { brush_mpi_abort(1) }

        private static func offsets(_ counts: [Int32]) -> [Int32] {
            var next = Int32(0)
            return counts.map { count in
                defer { next += count }
                return next
            }
        }

        private static func check(_ code: Int32, _ call: String) throws {
            guard code != 0 else { return }
            var text = [CChar](repeating: 0, count: 512)
            brush_mpi_describe(code, &text, Int32(text.count))
            let message = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            throw ProcessError.communication("\(call): \(message)")
        }
    }
#endif
