import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Testing

/// One small run of each built executable. They run one after the other, because each uses all processors.
@Suite("Runs of the executables", .serialized, .timeLimit(.minutes(10)))
final class RunTests {
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    /// Runs an executable, whose exit code must be 0.
    @discardableResult
    private func succeed(
        _ example: Example, _ arguments: [String] = [], at location: SourceLocation = #_sourceLocation
    ) async throws -> Workbench.Outcome {
        let found = try await bench.run(example, arguments)
        #expect(found.exitCode == 0, "\(found.errors)", sourceLocation: location)
        return found
    }

    @Test("text-to-image writes the image that the library generates, with its record")
    func oneStep() async throws {
        let found = try await succeed(.textToImage, ["a red heart", "--seed", "3", "--output", "heart.png"])
        #expect(
            try #/heart\.png: text [0-9.]+ s, network [0-9.]+ s, decoder [0-9.]+ s\n/#.wholeMatch(in: found.output)
                != nil)
        let student = try await TextToImageModel(contentsOf: URL(filePath: Workbench.student))
        let record = [
            "model": "emoji-student", "prompt": "a red heart", "seed": "3", "steps": "1",
            "Software": "SwiftBrush \(SwiftBrush.version)",
        ]
        let picture = try await student.picture(for: "a red heart", seed: 3)
        #expect(try bench.contents("heart.png") == PNG.encode(picture, text: record))
        #expect(try bench.names("") == ["heart.png"])
    }

    @Test("text-to-image samples the teacher, and generates the same from saved embeddings and packed weights")
    func severalSteps() async throws {
        try await succeed(
            .textToImage,
            [
                "a heart", "--steps", "2", "--guidance-scale", "3", "--negative-prompt", "a cat", "--count", "2",
                "--output",
                "a.png", "--save-embeddings", "text", "--save-latents", "latents", "--preview-every", "2",
            ])
        #expect(try bench.names("") == ["a.png", "a.step-2.png", "latents", "text"])
        try await succeed(
            .textToImage,
            [
                "a heart", "--steps", "2", "--guidance-scale", "3", "--negative-prompt", "a cat", "--count", "2",
                "--output",
                "b.png", "--embeddings", "text", "--packed-weights", "0.5",
            ])
        #expect(try bench.contents("a.png") == bench.contents("b.png"))
        #expect(try LatentsFile.read(bench.url("latents")).shape[0] == 2)
    }

    @Test("text-to-image writes a folder of images, and generates a missing one again")
    func folder() async throws {
        let prompts = try bench.write(["a red heart", "a blue circle"], to: "prompts.txt")
        let found = try await succeed(.textToImage, ["--prompts", prompts, "--count", "2", "--output", "many"])
        #expect(found.lines.last?.hasPrefix("many: 4 pictures, each network ") == true)
        #expect(try bench.text("many/metadata.jsonl").split(separator: "\n").count == 4)
        let images = try bench.names("many").filter { $0.hasSuffix(".png") }
        #expect(images.count == 4)
        let last = try bench.contents("many/\(images[3])")
        try FileManager.default.removeItem(at: bench.url("many/\(images[3])"))
        try await succeed(.textToImage, ["--prompts", prompts, "--count", "2", "--output", "many"])
        #expect(try bench.contents("many/\(images[3])") == last)
    }

    @Test("text-to-image starts from saved latents or from an image, and interpolates in a row of images")
    func starts() async throws {
        try await succeed(.textToImage, ["a heart", "--save-latents", "latents", "--output", "a.png"])
        try await succeed(.textToImage, ["a heart", "--latents", "latents", "--output", "b.png"])
        try await succeed(
            .textToImage,
            [
                "a heart", "--image", "a.png", "--strength", "0.7", "--steps", "3", "--sampler", "dpm-solver",
                "--output", "c.png",
            ])
        let images = try ["a.png", "b.png", "c.png"].map { try Picture(contentsOf: bench.url($0)) }
        #expect(images.allSatisfy { ($0.width, $0.height) == (64, 64) })
        #expect(images[0] != images[1])
        #expect(images[0] != images[2])
        try await succeed(.textToImage, ["a cat", "--seed", "7", "--output", "d.png"])
        try await succeed(
            .textToImage,
            ["a heart", "--to-seed", "7", "--to-prompt", "a cat", "--count", "3", "--output", "row.png"])
        let row = try Picture(contentsOf: bench.url("row.png"))
        #expect((row.width, row.height) == (3 * 66 + 2, 66 + 2))
        func pixels(column: Int) -> [UInt8] {
            (0..<64).flatMap { y in
                let start = 3 * ((2 + y) * row.width + 2 + 66 * column)
                return row.pixels[start..<start + 3 * 64]
            }
        }
        #expect(pixels(column: 0) == images[0].pixels)
        #expect(try pixels(column: 2) == Picture(contentsOf: bench.url("d.png")).pixels)
    }

    @Test("text-to-image and inspect load a model in a single file")
    func singleFile() async throws {
        let model = Fixtures.url("single-file/sd1.safetensors").path
        let found = try await succeed(.inspect, [model])
        #expect(found.lines.first == "model         sd1.safetensors (single file)")
        #expect(found.lines.last == "nothing is wrong with it")
        try await succeed(
            .textToImage,
            [
                "a heart", "--model", model, "--tokenizer", Fixtures.url("tokenizer/small").path, "--steps", "1",
                "--height", "64", "--width", "64",
            ])
        let image = try Picture(contentsOf: bench.url("out.png"))
        #expect((image.width, image.height) == (64, 64))
    }

    @Test("text-to-image samples a model that looks like a published student, or a LoRA of one, without --steps")
    func published() async throws {
        let files = FileManager.default
        try files.createSymbolicLink(atPath: bench.url("sd-turbo").path, withDestinationPath: Workbench.teacher)
        try files.copyItem(at: Fixtures.url("relatives/lcm-lora"), to: bench.url("lcm-lora"))
        let turbo = ["a heart", "--model", "sd-turbo"]
        let lora = ["a heart", "--model", Workbench.teacher, "--lora", "lcm-lora"]
        let spacing = ["--steps", "1", "--guidance-scale", "1", "--sampler", "euler", "--timestep-spacing", "trailing"]
        let consistency = ["--steps", "4", "--guidance-scale", "1", "--sampler", "lcm"]
        for (arguments, options, name) in [(turbo, spacing, "SD-Turbo"), (lora, consistency, "LCM-LoRA")] {
            let found = try await bench.run(.textToImage, arguments)
            #expect(found.exitCode == 0 && found.errors.contains("looks like \(name)"), "\(found.errors)")
            try await succeed(.textToImage, arguments + options + ["--output", "same.png"])
            #expect(try Picture(contentsOf: bench.url("out.png")) == Picture(contentsOf: bench.url("same.png")))
        }
        let listed = try await succeed(.inspect, ["--students"])
        #expect(listed.lines.count == PublishedStudent.all.count)
    }

    @Test("text-to-image repaints the white area of a mask")
    func inpainting() async throws {
        let white = [UInt8](repeating: 255, count: 3 * 32), black = [UInt8](repeating: 0, count: 3 * 32)
        let rows = (0..<64).flatMap { _ in black + white }
        try PNG.write(Picture(width: 64, height: 64, pixels: rows), to: bench.url("mask.png"))
        try await succeed(.textToImage, ["a red heart", "--steps", "2", "--output", "image.png"])
        let options = ["a blue circle", "--steps", "2", "--image", "image.png"]
        try await succeed(.textToImage, options + ["--mask", "mask.png", "--output", "painted.png"])
        let before = try Picture(contentsOf: bench.url("image.png")),
            after = try Picture(contentsOf: bench.url("painted.png"))
        /// The mean absolute difference of the columns.
        func difference(_ columns: Range<Int>) -> Double {
            let places = (0..<64).flatMap { y in columns.flatMap { x in (0..<3).map { 3 * (64 * y + x) + $0 } } }
            return places.reduce(0) { $0 + abs(Double(before.pixels[$1]) - Double(after.pixels[$1])) }
                / Double(places.count)
        }
        #expect(difference(0..<24) * 2 < difference(40..<64))
    }

    @Test("An unusable file ends with a sentence on standard error and exit code 1")
    func unusable() async throws {
        let found = try await bench.run(.textToImage, ["a heart", "--model", Workbench.teacher])
        #expect(found.exitCode == 1)
        #expect(found.output.isEmpty)
        #expect(found.errors.hasPrefix("Error: \(Workbench.teacher)"))
        #expect(found.errors.split(separator: "\n").count == 1)
        #expect(try bench.names("").isEmpty)
    }

    @Test("A renamed option still works, with a warning")
    func renamed() async throws {
        let found = try await bench.run(.textToImage, ["a heart", "--steps", "1", "--method", "ddim"])
        #expect(found.exitCode == 0)
        #expect(
            found.errors.hasPrefix(
                "warning: --method is now --sampler; the old name will be removed in the next version\n"))
        #expect(try bench.names("") == ["out.png"])
    }

    @Test("A teacher of flow matching is trained, sampled and distilled, and so are students of one step and of two")
    func flowMatching() async throws {
        try await succeed(
            .trainTeacher,
            [
                "--shapes", "--output", "flow", "--channels", "16", "32", "--batch", "2", "--iterations", "2",
                "--autoencoder-iterations", "2", "--prediction-type", "flow_prediction",
            ])
        let summary = try await succeed(.inspect, ["flow/teacher"]).output
        #expect(summary.contains("FlowMatchEulerDiscreteScheduler: flow matching, 1000 timesteps, shift 1.0"))
        try await succeed(.textToImage, ["red ring", "--model", "flow/teacher", "--steps", "2"])
        try await succeed(.textToImage, ["red ring", "--model", "flow/teacher", "--untrained-student"])
        for (name, steps) in [("one", 1), ("two", 2)] {
            try await succeed(
                .distill,
                [
                    "--teacher", "flow/teacher", "--prompts", "flow/prompts/train.txt", "--output", name, "--batch",
                    "2", "--rank", "2", "--iterations", "1", "--student-steps", "\(steps)",
                ] + (steps == 1 ? [] : ["--loss", "dmd", "--regress-first-step", "--teacher-pictures", "2"]))
            try await succeed(
                .textToImage,
                ["red ring", "--model", "\(name)/student"] + (steps == 1 ? [] : ["--steps", "\(steps)"]))
            #expect(try bench.text("\(name)/student/one_step.json").contains("\"sigma\" : 0.999"))
        }
        try await succeed(
            .distillGuidance,
            [
                "--teacher", "flow/teacher", "--prompts", "flow/prompts/train.txt", "--output", "guided", "--batch",
                "2", "--steps", "2", "--iterations", "1",
            ])
        let wrong = try await bench.run(
            .textToImage, ["red ring", "--model", "flow/teacher", "--steps", "2", "--sampler", "ddim"])
        #expect(wrong.exitCode != 0 && wrong.errors.contains("flow-match-euler samples flow matching"))
    }

    @Test("train-teacher trains a teacher on shapes, and distill makes a student of it and resumes")
    func training() async throws {
        let trained = try await succeed(
            .trainTeacher,
            [
                "--shapes", "--output", "shapes", "--channels", "16", "32", "--batch", "2", "--accumulate", "2",
                "--iterations", "2", "--autoencoder-iterations", "2",
            ])
        #expect(trained.output == bench.url("shapes/teacher").path + "\n")
        #expect(try bench.text("shapes/metrics.jsonl").split(separator: "\n").count == 2)
        #expect(try bench.text("shapes/report.html").contains("<svg"))
        try await succeed(.textToImage, ["red ring", "--model", "shapes/teacher", "--steps", "1"])

        let settings = [
            "--teacher", "shapes/teacher", "--prompts", "shapes/prompts/train.txt", "--output", "run", "--batch", "2",
            "--rank", "2", "--iterations",
        ]
        // A resumed run computes its gradients in as many parts as before.
        for rest in [["1", "--accumulate", "2"], ["2", "--resume"]] {
            let found = try await succeed(.distill, settings + rest)
            #expect(found.output == bench.url("run/student").path + "\n")
        }
        #expect(try bench.text("run/metrics.jsonl").split(separator: "\n").count == 2)
        let written = [
            "student/one_step.json", "student/sheet.png", "fake-score/adapter_model.safetensors", "report.html",
        ]
        for file in written {
            #expect(FileManager.default.fileExists(atPath: bench.url("run/\(file)").path), "\(file)")
        }
        try await succeed(.textToImage, ["red ring", "--model", "run/student", "--lora", "run/fake-score:0.5"])
        try await succeed(
            .distill,
            [
                "--teacher", "shapes/teacher", "--prompts", "shapes/prompts/train.txt", "--output", "small", "--batch",
                "2",
                "--rank", "2", "--iterations", "1", "--student-adapters", "--student-rank", "2",
            ])
        for student in [["--model", "small/student"], ["--model", "shapes/teacher", "--lora", "small/student-lora"]] {
            try await succeed(.textToImage, ["red ring"] + student)
        }
        let summary = try await succeed(.inspect, ["small/student-lora"]).output
        #expect(summary.contains("one-step student at timestep 999"), "\(summary)")
        for rest in [["1"], ["2", "--resume"]] {
            let guided = try await succeed(
                .distillGuidance,
                [
                    "--teacher", "shapes/teacher", "--prompts", "shapes/prompts/train.txt", "--output", "guided",
                    "--batch", "2", "--steps", "2", "--iterations",
                ] + rest)
            #expect(guided.output == bench.url("guided/teacher").path + "\n")
        }
        try await succeed(
            .textToImage, ["red ring", "--model", "guided/teacher", "--steps", "2", "--guidance-scale", "1"])
        try FileManager.default.createDirectory(at: bench.url("subject"), withIntermediateDirectories: true)
        for seed in 0..<3 {
            let pixels = (0..<90 * 70 * 3).map { UInt8(truncatingIfNeeded: $0 / (5 + seed)) }
            try PNG.write(Picture(width: 90, height: 70, pixels: pixels), to: bench.url("subject/\(seed).png"))
        }
        for (model, steps) in [("shapes/teacher", ["--steps", "2"]), ("run/student", [])] {
            for rest in [["1"], ["2", "--resume"]] {
                let taught = try await succeed(
                    .trainLoRA,
                    [
                        "subject", "--model", model, "--prompt", "sks ring", "--prior-prompts",
                        "shapes/prompts/train.txt", "--prior-pictures", "2", "--prior-steps", "2", "--batch", "2",
                        "--text-encoder-targets", "q_proj", "--output", "\(model)-lora", "--iterations",
                    ] + rest)
                #expect(taught.output == bench.url("\(model)-lora/lora").path + "\n")
            }
            try await succeed(.textToImage, ["sks ring", "--model", model, "--lora", "\(model)-lora/lora"] + steps)
        }
        try await succeed(.trainTeacher, ["report", "run", "--output", "page.html"])
        #expect(try bench.text("page.html").contains("<svg"))
    }

    @Test("inspect lists the parts of a model, and ends with exit code 1 for one that lacks weights")
    func inspection() async throws {
        for (model, name) in [(Workbench.student, "emoji-student"), (Workbench.teacher, "emoji-teacher")] {
            let found = try await succeed(.inspect, [model])
            #expect(found.lines.first == "model         \(name) (diffusers folder)")
            #expect(found.lines.last == "nothing is wrong with it")
        }
        try FileManager.default.copyItem(atPath: Workbench.student, toPath: bench.url("broken").path)
        try FileManager.default.removeItem(at: bench.url("broken/unet"))
        let broken = try await bench.run(.inspect, ["broken"])
        #expect(broken.exitCode == 1)
        #expect(broken.errors.hasPrefix("Error: broken cannot be used: "), "\(broken.errors)")
    }

    @Test("verify-checkpoint compares every part with its golden file, and ends with exit code 1 above the tolerance")
    func verification() async throws {
        let (folder, single) = (Fixtures.url("models/a").path, Fixtures.url("single-file").path)
        let models = [
            (folder, "\(folder)/golden.safetensors"),
            ("\(single)/sd1.safetensors", "\(single)/golden-sd1.safetensors"),
        ].map { ["--model", $0, "--golden", $1] }
        for arguments in models {
            let found = try await succeed(.verifyCheckpoint, arguments)
            let good = found.lines.filter { $0.hasSuffix(" ok") }.compactMap { $0.split(separator: " ").first }
            #expect(good == ["text.out", "unet.out", "vae.out", "vae.enc.mean"])
            #expect(found.lines.last == "onestep.latent skipped: not in the golden file")
        }
        let strict = try await bench.run(.verifyCheckpoint, models[0] + ["--tolerance", "0"])
        #expect(strict.exitCode == 1)
        #expect(strict.output.contains(" FAIL\n"))
    }

    @Test("loss-contracts prints the report of the losses that are named")
    func contracts() async throws {
        let found = try await succeed(.lossContracts, ["regression", "decoded"])
        #expect(found.output.matches(of: #/: all [0-9]+ checks passed /#).count == 3)
        #expect(found.lines.last?.hasPrefix("3 losses, ") == true)
        let failures = try await succeed(.lossContracts, ["regression", "--failures-only"])
        #expect(failures.output.isEmpty)
    }

    @Test("new-loss passes its contract")
    func newLoss() async throws {
        let found = try await succeed(.newLoss)
        #expect(found.lines.first?.hasPrefix("even-score-distillation: all 21 checks passed ") == true)
    }

    @Test("compare-losses draws a plot of each loss, and one of all")
    func comparison() async throws {
        let found = try await succeed(
            .compareLosses, ["points", "--losses", "sds", "vsd", "--count", "32", "--steps", "10", "--output", "plots"])
        #expect(found.lines.first == "| loss | modes covered | seconds |")
        #expect(found.lines.last == "plots: \(bench.url("plots").path)")
        #expect(try bench.names("plots").filter { $0.hasSuffix(".png") } == ["all.png", "sds.png", "vsd.png"])
    }

    @Test("evaluate measures a folder of images against itself, and prints the same from its cache")
    func evaluation() async throws {
        try FileManager.default.createDirectory(at: bench.url("images"), withIntermediateDirectories: true)
        for seed in 0..<6 {
            let picture = try Picture(
                width: 64, height: 64,
                pixels: (0..<64 * 64 * 3).map { UInt8(truncatingIfNeeded: $0 / (7 + seed) * (seed + 3)) })
            try PNG.write(picture, to: bench.url("images/\(seed).png"))
        }
        let captions = try bench.write(["a heart", "a cat", "a dog", "a star", "a ring", "a tree"], to: "captions.txt")
        let arguments = ["images", "--reference", "images", "--output", "measured"]
        let found = try await succeed(.evaluate, arguments + ["--captions", captions])
        let distance = try #require(found.output.firstMatch(of: #/\nFréchet distance +([0-9.e-]+) +6 +6 /#))
        // Rounding of the eigenvalues differs between processors.
        #expect(try abs(#require(Double(distance.1))) < 1e-6)
        #expect(found.output.contains(#/\nalignment +-?[0-9.e-]+ +6 /#))
        #expect(found.output.contains(#/\nprecision \(k = 3\) +1 +6 +6 /#))
        #expect(found.output.contains(#/\nrecall \(k = 3\) +1 +6 +6 /#))
        #expect(try bench.names("measured").contains("report.json"))
        #expect(try await succeed(.evaluate, arguments + ["--captions", captions]).output == found.output)
        let table = try await succeed(.evaluate, ["table"] + arguments)
        #expect(table.output.contains(#/\n\| images \| -?[0-9.e-]+ \| 1 \| 1 \|/#))
    }
}
