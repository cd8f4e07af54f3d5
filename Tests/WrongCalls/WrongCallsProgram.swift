import Foundation
import Tensor

/// The program behind `Scripts/check-wrong-calls`: makes every wrong call in this one process and prints a table of the errors. The exit
/// code is 1 if a call does not throw, or throws an error without the text that it must have. With the argument `slip` it makes a slip in
/// code instead, which ends the process; with other arguments, only the calls whose names begin with one of them.
@main
enum WrongCallsProgram {
    static func main() throws {
        if CommandLine.arguments.dropFirst() == ["slip"] {
            print(Tensor([1, 2, 3], shape: [2, 2]))
            return
        }
        let starts = CommandLine.arguments.dropFirst()
        let calls = WrongCall.all.filter { call in starts.isEmpty || starts.contains { call.name.hasPrefix($0) } }
        let names = calls.map(\.name)
        let repeated = Dictionary(grouping: names) { $0 }.filter { $1.count > 1 }.keys.sorted()
        guard repeated.isEmpty else {
            fail("expected every name once, found twice: \(repeated.joined(separator: ", "))")
        }
        let width = names.map(\.count).max() ?? 0
        var failures = 0
        try Workbench.withFolder { bench in
            for call in calls {
                // Written before the call: the last line names the call that ended the process, should one do so.
                write(call.name + String(repeating: " ", count: width - call.name.count + 2))
                let (text, failure) = call.run(bench)
                write(text.split(separator: "\n").joined(separator: " ") + "\n")
                guard let failure else { continue }
                failures += 1
                write("    FAILED: \(failure)\n")
            }
        }
        write("\(names.count) wrong calls, \(failures) failures\n")
        if failures > 0 { exit(1) }
    }

    private static func write(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }

    private static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("SwiftBrushWrongCalls: \(message)\n".utf8))
        exit(64)
    }
}
