import ArgumentParser
import Distillation
import DistillationTesting
import Foundation
import SwiftBrushCommands

@main
struct LossContracts: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "loss-contracts",
        abstract: "Checks every loss of the library against theory and prints a report for each.")

    @Argument(help: "Parts of the titles, or names, of the losses to check; all if omitted.")
    var losses: [String] = []

    @Flag(help: "Print only the failed checks.")
    var failuresOnly = false

    @OptionGroup(title: "Computation") var computation: ComputationOptions

    func run() throws {
        func matches(_ contract: LossContract, _ name: String) -> Bool {
            !name.isEmpty && contract.title.contains(name) || type(of: contract.loss).name == name
        }
        for name in losses where !LossContract.shipped.contains(where: { matches($0, name) }) {
            throw ValidationError(
                "\"\(name)\": expected part of one of the titles "
                    + LossContract.shipped.map(\.title).joined(separator: "; "))
        }
        let chosen = LossContract.shipped.filter { contract in
            losses.isEmpty || losses.contains { matches(contract, $0) }
        }
        var failed = 0
        let start = ContinuousClock.now
        for contract in chosen {
            let report = contract.run()
            failed += report.failures.count
            if failuresOnly {
                for check in report.failures { print("\(report.title)\t\(check.name)") }
            } else {
                print("\(report)\n")
            }
        }
        if !failuresOnly {
            print(String(format: "%d losses, %.1f s", chosen.count, (ContinuousClock.now - start) / .seconds(1)))
        }
        if failed > 0 { throw ExitCode.failure }
    }
}
