import ArgumentParser
import DiffusionModels
import Tensor

/// The options under which a training run starts in its folder.
public struct RunStartOptions: ParsableArguments {
    /// Whether the run in the output folder is resumed.
    @Flag(help: "Resume the run in the output folder.") public var resume = false
    /// Whether the output folder may contain files that are not the run's.
    @Flag(help: "Start a run in an output folder that contains other files, which are kept.")
    public var allowOtherFiles = false
    @Flag(help: "Start even if the run needs more memory than the system or the process's control group provides.")
    var ignoreMemory = false

    /// No option given.
    public init() {}

    /// Warns on standard error if memory will be scarce. Throws `ValidationError` if the work cannot fit, unless `--ignore-memory`
    /// is given.
    public func checkMemory(_ bytes: Int, of work: String) throws {
        do {
            if let warning = try MemoryLimit.current.check(holding: bytes, of: work) {
                StandardError.write(line: "warning: \(warning)")
            }
        } catch let shortage as MemoryShortage {
            guard ignoreMemory else { throw ValidationError("\(shortage) (start anyway with --ignore-memory)") }
            StandardError.write(line: "warning: \(shortage)")
        }
    }
}
