import DiffusionModels
import Foundation
import Tensor

#if canImport(Glibc)
    @preconcurrency import Glibc
#elseif canImport(Darwin)
    @preconcurrency import Darwin
#endif

/// The processes that MPI's launcher, `mpirun` or Slurm's `srun`, has started with the same command line.
public enum LaunchedProcesses {
    /// Runs a program in all of them, in each with the group of all. In a process that was started alone, the group is that process.
    ///
    /// Unless another number of threads was chosen, or `TENSOR_THREADS` is set in the environment, a process gets its share of the host's
    /// processor cores. It keeps no more than its share of the host's idle memory. Only the process with rank 0 prints. An error that all
    /// processes have met, such as a value that is not finite, is thrown in the process with rank 0, and the others end without a word. An
    /// error of one process ends all at once, after a line with its rank.
    ///
    /// Throws what `body` throws, and ``ProcessError`` when the package was built without its trait `MPI` and there are several processes.
    public static func run(_ body: (any ProcessGroup) throws -> Void) throws {
        let environment = ProcessInfo.processInfo.environment
        guard names.contains(where: { environment[$0] != nil }) else { return try body(SingleProcess()) }
        #if MPI
            let group = try MPIProcesses.all.get()
            if group.count == 1 {
                defer { try? group.finish() }
                return try body(SingleProcess())
            }
            if environment["TENSOR_THREADS"] ?? "" == "" {
                let cores = ProcessInfo.processInfo.activeProcessorCount
                if ThreadPool.threadCount == cores { ThreadPool.threadCount = max(1, cores / group.countOnHost) }
            }
            shareTensorMemory(among: group.countOnHost)
            let standardError = group.rank == 0 ? nil : silenceStandardStreams()
            do {
                try body(group)
                if let line = ProcessTraffic.summary { StandardError.write(line: line) }
                try group.finish()
            } catch {
                guard isKnownToAll(error) else {
                    if let standardError { dup2(standardError, STDERR_FILENO) }
                    StandardError.write(line: "process \(group.rank) of \(group.count): \(error)")
                    group.abort()
                    throw error
                }
                try group.finish()
                // The launcher would end the others, before they have printed, when one ends with another code than 0.
                guard group.rank == 0 else { exit(0) }
                throw error
            }
            guard group.rank == 0 else { exit(0) }
        #else
            let counts = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"].compactMap { environment[$0].flatMap { Int($0) } }
            guard counts.allSatisfy({ $0 == 1 }) else {
                throw ProcessError.communication(
                    "expected one process, or a build with MPI (swift build --traits MPI), found \(counts[0]) processes "
                        + "in a build without it")
            }
            try body(SingleProcess())
        #endif
    }

    /// What Open MPI, MPICH and Slurm set in the environment of the processes that they start.
    private static let names = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "PMI_RANK"]

    /// Errors that are thrown in all processes at the same point.
    private static func isKnownToAll(_ error: any Error) -> Bool {
        if error is StoppedBySignal { return true }
        if case RunError.nonFinite = error { return true }
        if case ProcessError.communication = error { return false }
        return error is ProcessError
    }

    /// Sends standard output and standard error to `/dev/null`, and returns the descriptor of standard error as it was.
    private static func silenceStandardStreams() -> Int32 {
        let kept = dup(STDERR_FILENO)
        let nowhere = open("/dev/null", O_WRONLY)
        for stream in [STDOUT_FILENO, STDERR_FILENO] { dup2(nowhere, stream) }
        close(nowhere)
        return kept
    }
}
