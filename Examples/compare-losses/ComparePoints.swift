import ArgumentParser
import DiffusionModels
import Distillation
import DistillationTesting
import Foundation
import SwiftBrushCommands
import Tensor

/// Compares losses on particles in the plane, with exact networks and a ring of eight modes: a plot per loss, in seconds.
struct ComparePoints: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "points", abstract: "Particles in the plane: a table, and a plot per loss.")

    @Option(parsing: .upToNextOption, help: "The losses.")
    var losses: [PublishedLoss] = [.sds, .vsd, .pgSB, .diffInstruct, .dmd, .sid, .sim, .fDistill]

    @Option(help: "The folder for the plots.")
    var output = "comparison"

    @Option(help: "The number of particles.")
    var count = 256

    @Option(help: "The number of steps.")
    var steps = 1200

    @OptionGroup var seeds: SeedOptions
    @OptionGroup(title: "Computation") var computation: ComputationOptions

    func validate() throws {
        try check("--count", count, in: 2...100_000)
        try check("--steps", steps, in: 1...1_000_000)
        let allowed: LossNeeds = [
            .teacher, .unconditionalTeacher, .teacherJacobian, .fakeScore, .unconditionalFakeScore,
            .fakeScoreJacobian, .discriminator, .realLatents,
        ]
        for published in losses where !published.loss.needs.isSubset(of: allowed) {
            throw ValidationError(
                "--losses: \(published.rawValue) needs more than points have; use compare-losses pictures")
        }
    }

    func run() throws {
        let (folder, seed) = (URL(filePath: output), seeds.value)
        try checkOutput(folder: folder, "--output")
        let results = try ResultFolder(
            folder, of: "comparison", writing: losses.map { "\($0.rawValue).png" } + ["all.png"])
        defer { withExtendedLifetime(results) {} }
        let data = ParticleRun.ring
        let samples = ParticleRun.samples(of: data, count: 4000, seed: seed)
        var plots: [Picture] = []
        print("| loss | modes covered | seconds |\n| --- | --- | --- |")
        for published in losses {
            var run = ParticleRun(published.loss, towards: data)
            (run.count, run.steps, run.seed) = (count, steps, seed)
            let start = ContinuousClock.now
            let positions = try run.run()
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let plot = try ScatterPlot().picture(of: positions, over: samples)
            plots.append(plot)
            let file = folder.appending(path: "\(published.rawValue).png")
            try PNG.write(plot, text: ["loss": published.rawValue, "seed": "\(seed)"], to: file)
            let covered = String(format: "%.0f %%", 100 * ParticleRun.coverage(ofRing: positions))
            print("| \(published.rawValue) | \(covered) | \(String(format: "%.1f", seconds)) |")
        }
        try PNG.write(Picture.grid(plots, columns: 4), to: folder.appending(path: "all.png"))
        print("plots: \(folder.path)")
    }
}
