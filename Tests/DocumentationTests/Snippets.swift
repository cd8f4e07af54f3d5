import DiffusionModels
import Distillation
import Foundation

/// The README's Swift code, line by line, so that it is compiled; `ReadmeTests` compares it with the README and runs it.
enum Snippets {
    static func generate() throws -> Picture {
        let student = try TextToImageModel(contentsOf: URL(filePath: "Examples/Models/emoji-student"))
        let picture = try student.picture(for: "a red heart", seed: 0)
        return picture
    }

    static func write(_ picture: Picture) throws {
        try PNG.write(picture, to: URL(filePath: "heart.png"))
    }

    static func sample() throws {
        let teacher = try TextToImageModel(contentsOf: URL(filePath: "Examples/Models/emoji-teacher"))
        var sampler = try teacher.samples(for: "a red heart", steps: 25, guidanceScale: 4.5, seed: 0)
        while let step = try sampler.next() {
            let preview = try teacher.pictures(from: step.predictedOriginal)[0]
            print(step.index, preview.width)
        }
    }

    static func distil(_ teacher: TextToImageModel) throws {
        let distiller = try Distiller(
            teacher: teacher, loss: VariationalScoreDistillation(), prompts: ["a red heart", "a blue heart"])
        for _ in 0..<10 {
            let step = try distiller.step()
            print(step.studentLoss, step.fakeScoreLoss, step.studentGradientNorm)
        }
    }
}
